/**
 * Telegram's methods by the right that a speaker needs for them. `read` changes nothing and shows nobody anything;
 * `send` writes, marks, presses or is seen; `owner` spends, deletes for good, or can move the account or its codes to
 * another; `nobody` is refused to all. A name that stands nowhere is refused too, as are `auth.` and wrappers.
 */
export const rawMethods = {
  read: {
    account: `
      checkUsername getAccountTTL getAutoDownloadSettings getAutoSaveSettings getBotBusinessConnection
      getBusinessChatLinks getChannelDefaultEmojiStatuses getChannelRestrictedStatusEmojis getChatThemes
      getCollectibleEmojiStatuses getConnectedBots getContactSignUpNotification getContentSettings
      getDefaultBackgroundEmojis getDefaultEmojiStatuses getDefaultGroupPhotoEmojis
      getDefaultProfilePhotoEmojis getGlobalPrivacySettings getMultiWallPapers getNotifyExceptions
      getNotifySettings getPaidMessagesRevenue getPrivacy getReactionsNotifySettings getRecentEmojiStatuses
      getSavedMusicIds getSavedRingtones getTheme getThemes getUniqueGiftChatThemes getWallPaper getWallPapers
      getWebBrowserSettings resolveBusinessChatLink`,
    aicompose: "getTone getToneExample getTones",
    bots: `
      canSendMessage checkDownloadFileParams checkUsername getAccessSettings getAdminedBots getBotCommands
      getBotInfo getBotMenuButton getBotRecommendations getPopularAppBots getPreviewInfo getPreviewMedias
      getRequestedWebViewButton`,
    channels: `
      checkSearchPostsFlood checkUsername exportMessageLink getAdminLog getAdminedPublicChannels
      getChannelRecommendations getChannels getForumTopics getForumTopicsByID getFullChannel
      getGroupsForDiscussion getInactiveChannels getLeftChannels getMessageAuthor getMessages getParticipant
      getParticipants getSendAs searchPosts`,
    chatlists: `
      checkChatlistInvite getChatlistUpdates getExportedInvites getLeaveChatlistSuggestions`,
    communities: "getJoinedCommunities getParticipantJoinedChats getPeerLinkRequests",
    contacts: `
      getBirthdays getBlocked getContactIDs getContacts getSaved getSponsoredPeers getStatuses getTopPeers
      resolvePhone resolveUsername search`,
    fragment: "getCollectibleInfo",
    help: `
      getAppConfig getAppUpdate getCdnConfig getConfig getCountriesList getDeepLinkInfo getInviteText
      getNearestDc getPassportConfig getPeerColors getPeerProfileColors getPremiumPromo getPromoData
      getRecentMeUrls getSupport getSupportName getTermsOfServiceUpdate getTimezonesList getUserInfo`,
    langpack: "getDifference getLangPack getLanguage getLanguages getStrings",
    messages: `
      checkChatInvite checkHistoryImportPeer checkQuickReplyShortcut getAdminsWithInvites getAllDrafts
      getAllStickers getArchivedStickers getAttachMenuBot getAttachMenuBots getAttachedStickers
      getAvailableEffects getAvailableReactions getBotApp getChatInviteImporters getChats getCommonChats
      getCustomEmojiDocuments getDefaultHistoryTTL getDefaultTagReactions getDhConfig getDialogFilters
      getDialogUnreadMarks getDialogs getDiscussionMessage getDocumentByHash getEmojiGameInfo getEmojiGroups
      getEmojiKeywords getEmojiKeywordsDifference getEmojiKeywordsLanguages getEmojiProfilePhotoGroups
      getEmojiStatusGroups getEmojiStickerGroups getEmojiStickers getExportedChatInvite getExportedChatInvites
      getExtendedMedia getFactCheck getFavedStickers getFeaturedEmojiStickers getFeaturedStickers
      getForumTopics getForumTopicsByID getFullChat getFutureChatCreatorAfterLeave getGameHighScores
      getHistory getInlineGameHighScores getMaskStickers getMessageEditData getMessageReactionsList
      getMessageReadParticipants getMessages getMessagesReactions getMyStickers getOldFeaturedStickers
      getOnlines getOutboxReadDate getPaidReactionPrivacy getPeerDialogs getPeerSettings
      getPersonalChannelHistory getPinnedDialogs getPinnedSavedDialogs getPollResults getPollVotes
      getPreparedInlineMessage getQuickReplies getQuickReplyMessages getRecentLocations getRecentReactions
      getRecentStickers getReplies getRichMessage getSavedDialogs getSavedDialogsByID getSavedGifs
      getSavedHistory getSavedReactionTags getScheduledHistory getScheduledMessages getSearchCounters
      getSearchResultsCalendar getSearchResultsPositions getSplitRanges getStickerSet getStickers
      getSuggestedDialogFilters getTopReactions getUnreadMentions getUnreadPollVotes getUnreadReactions search
      searchCustomEmoji searchEmojiStickerSets searchGlobal searchSentMedia searchStickerSets searchStickers`,
    payments: `
      canPurchasePremium canPurchaseStore checkCanSendGift checkGiftCode getConnectedStarRefBot
      getConnectedStarRefBots getCraftStarGifts getGiveawayInfo getPremiumGiftCodeOptions getResaleStarGifts
      getSavedStarGift getSavedStarGifts getStarGiftActiveAuctions getStarGiftAuctionAcquiredGifts
      getStarGiftAuctionState getStarGiftCollections getStarGiftUpgradeAttributes getStarGiftUpgradePreview
      getStarGifts getStarsGiftOptions getStarsGiveawayOptions getStarsRevenueStats getStarsStatus
      getStarsSubscriptions getStarsTopupOptions getStarsTransactions getStarsTransactionsByID
      getSuggestedStarRefBots getUniqueStarGift getUniqueStarGiftValueInfo`,
    phone: `
      getCallConfig getGroupCall getGroupCallChainBlocks getGroupCallJoinAs getGroupCallStars
      getGroupCallStreamChannels getGroupParticipants`,
    photos: "getUserPhotos",
    premium: "getBoostsList getBoostsStatus getMyBoosts getUserBoosts",
    stats: `
      getBroadcastRevenueStats getBroadcastRevenueTransactions getBroadcastStats getMegagroupStats
      getMessagePublicForwards getMessageStats getPollStats getStoryPublicForwards getStoryStats
      loadAsyncGraph`,
    stickers: "checkShortName suggestShortName",
    stories: `
      canSendStory exportStoryLink getAlbumStories getAlbums getAllReadPeerStories getAllStories
      getChatsToSend getPeerMaxIDs getPeerStories getPinnedStories getStoriesArchive getStoriesByID
      getStoriesViews getStoryReactionsList getStoryViewsList searchPosts`,
    updates: "getChannelDifference getDifference getState",
    upload: "getCdnFile getCdnFileHashes getFile getFileHashes getWebFile",
    users: `
      getFullUser getIsPremiumRequiredToContact getRequirementsToContact getSavedMusic getSavedMusicByID
      getUsers`,
  },
  send: {
    account: `
      clearRecentEmojiStatuses createBusinessChatLink createTheme deleteAutoSaveExceptions
      deleteBusinessChatLink deleteWebBrowserSettingsExceptions disablePeerConnectedBot editBusinessChatLink
      installTheme installWallPaper reportPeer reportProfilePhoto resetNotifySettings resetWallPapers
      saveAutoDownloadSettings saveAutoSaveSettings saveMusic saveRingtone saveTheme saveWallPaper
      setContactSignUpNotification setContentSettings setMainProfileTab setReactionsNotifySettings
      toggleConnectedBotPaused toggleNoPaidMessagesException toggleSponsoredMessages
      toggleWebBrowserSettingsException updateBirthday updateBusinessAwayMessage updateBusinessGreetingMessage
      updateBusinessIntro updateBusinessLocation updateBusinessWorkHours updateColor updateEmojiStatus
      updateNotifySettings updatePersonalChannel updateProfile updateStatus updateTheme
      updateWebBrowserSettings uploadRingtone uploadTheme uploadWallPaper`,
    aicompose: "createTone deleteTone saveTone updateTone",
    bots: `
      addPreviewMedia allowSendMessage answerWebhookJSONQuery deletePreviewMedia editPreviewMedia
      reorderPreviewMedias requestWebViewButton resetBotCommands sendCustomRequest
      setBotBroadcastDefaultAdminRights setBotCommands setBotGroupDefaultAdminRights setBotInfo
      setBotMenuButton setCustomVerification setJoinChatResults toggleUserEmojiStatusPermission
      updateUserEmojiStatus`,
    channels: `
      createChannel createForumTopic deleteMessages deleteTopicHistory editBanned editForumTopic editLocation
      editPhoto editTitle inviteToChannel joinChannel leaveChannel readHistory readMessageContents
      reorderPinnedForumTopics reportAntiSpamFalsePositive reportSpam restrictSponsoredMessages
      setBoostsToUnblockRestrictions setDiscussionGroup setEmojiStickers setMainProfileTab setStickers
      toggleAntiSpam toggleAutotranslation toggleForum toggleJoinRequest toggleJoinToSend
      toggleParticipantsHidden togglePreHistoryHidden toggleSignatures toggleSlowMode
      toggleViewForumAsMessages updateColor updateEmojiStatus updatePinnedForumTopic`,
    chatlists: `
      deleteExportedInvite editExportedInvite exportChatlistInvite hideChatlistUpdates joinChatlistInvite
      joinChatlistUpdates leaveChatlist`,
    communities: `
      create toggleAllPeerLinkRequestApproval toggleCommunityCollapsedInDialogs toggleParticipantBanned
      togglePeerLink togglePeerLinkRequestApproval`,
    contacts: `
      acceptContact addContact block blockFromReplies editCloseFriends exportContactToken getLocated
      importContactToken importContacts resetTopPeerRating setBlocked toggleTopPeers unblock updateContactNote`,
    ephemeral: "deleteMessage editMessage getCallbackAnswer reportMessage sendMessage",
    folders: "editPeerFolders",
    help: "dismissSuggestion hidePromoData saveAppLog setBotUpdatesStatus",
    messages: `
      acceptEncryption addChatUser addPollAnswer appendTodoList checkHistoryImport clearAllDrafts
      clearRecentReactions clearRecentStickers clickSponsoredMessage createChat createForumTopic
      deleteChatUser deleteExportedChatInvite deleteFactCheck deleteMessages deleteParticipantReaction
      deleteParticipantReactions deletePollAnswer deleteQuickReplyMessages deleteQuickReplyShortcut
      deleteRevokedExportedChatInvites deleteScheduledMessages discardEncryption editChatAbout
      editChatDefaultBannedRights editChatParticipantRank editChatPhoto editChatTitle editExportedChatInvite
      editFactCheck editForumTopic editInlineBotMessage editMessage editQuickReplyShortcut exportChatInvite
      faveSticker forwardMessages getBotCallbackAnswer getInlineBotResults getMessagesViews
      getSponsoredMessages getWebPage getWebPagePreview hideAllChatJoinRequests hideChatJoinRequest
      hidePeerSettingsBar importChatInvite initHistoryImport installStickerSet markDialogUnread migrateChat
      prolongWebView rateTranscribedAudio readDiscussion readEncryptedHistory readFeaturedStickers readHistory
      readMentions readMessageContents readPollVotes readReactions readSavedHistory receivedMessages
      receivedQueue reorderPinnedDialogs reorderPinnedForumTopics reorderPinnedSavedDialogs
      reorderQuickReplies reorderStickerSets report reportEncryptedSpam reportMessagesDelivery
      reportMusicListen reportReaction reportReadMetrics reportSpam reportSponsoredMessage requestAppWebView
      requestChatJoinWebView requestEncryption requestMainWebView requestSimpleWebView requestWebView
      saveDefaultSendAs saveDraft saveGif savePreparedInlineMessage saveRecentSticker sendBotRequestedPeer
      sendEncrypted sendEncryptedFile sendEncryptedService sendInlineBotResult sendMedia sendMessage
      sendMultiMedia sendQuickReplyMessages sendReaction sendScheduledMessages sendScreenshotNotification
      sendVote sendWebViewData sendWebViewResultMessage setBotCallbackAnswer setBotGuestChatResult
      setChatAvailableReactions setChatTheme setChatWallPaper setDefaultHistoryTTL setDefaultReaction
      setEncryptedTyping setGameScore setHistoryTTL setInlineBotResults setInlineGameScore setTyping startBot
      startHistoryImport toggleBotInAttachMenu toggleDialogFilterTags toggleDialogPin toggleNoForwards
      togglePaidReactionPrivacy togglePeerTranslations toggleSavedDialogPin toggleStickerSets
      toggleSuggestedPostApproval toggleTodoCompleted transcribeAudio uninstallStickerSet unpinAllMessages
      updateDialogFilter updateDialogFiltersOrder updatePinnedForumTopic updatePinnedMessage
      updateSavedReactionTag uploadEncryptedFile uploadImportedMedia uploadMedia viewSponsoredMessage`,
    phone: `
      acceptCall checkGroupCall confirmCall createConferenceCall createGroupCall declineConferenceCallInvite
      deleteConferenceCallParticipants deleteGroupCallMessages deleteGroupCallParticipantMessages discardCall
      discardGroupCall editGroupCallParticipant editGroupCallTitle exportGroupCallInvite
      inviteConferenceCallParticipant inviteToGroupCall joinGroupCall joinGroupCallPresentation leaveGroupCall
      leaveGroupCallPresentation receivedCall requestCall saveCallDebug saveCallLog saveDefaultGroupCallJoinAs
      saveDefaultSendAs sendConferenceCallBroadcast sendGroupCallEncryptedMessage sendGroupCallMessage
      sendSignalingData setCallRating startScheduledGroupCall toggleGroupCallRecord toggleGroupCallSettings
      toggleGroupCallStartSubscription`,
    photos: "deletePhotos updateProfilePhoto uploadContactProfilePhoto uploadProfilePhoto",
    premium: "applyBoost",
    stickers: `
      addStickerToSet changeSticker changeStickerPosition createStickerSet deleteStickerSet
      removeStickerFromSet renameStickerSet replaceSticker setStickerSetThumb`,
    stories: `
      activateStealthMode createAlbum deleteAlbum deleteStories editStory incrementStoryViews readStories
      reorderAlbums report sendReaction sendStory startLive toggleAllStoriesHidden togglePeerStoriesHidden
      togglePinned togglePinnedToTop updateAlbum`,
    upload: "reuploadCdnFile saveBigFilePart saveFilePart",
    users: "suggestBirthday",
  },
  owner: {
    account: `
      changeAuthorizationSettings confirmBotConnection confirmPhone declinePasswordReset deleteSecureValue
      finishTakeoutSession getAllSecureValues getAuthorizationForm getAuthorizations getPasskeys getPassword
      getSecureValue getWebAuthorizations initTakeoutSession reorderUsernames resetWebAuthorization
      resetWebAuthorizations saveSecureValue sendConfirmPhoneCode sendVerifyPhoneCode setAccountTTL
      setGlobalPrivacySettings setPrivacy toggleUsername unregisterDevice updateConnectedBot
      updateDeviceLocked updateUsername verifyPhone`,
    bots: "createBot editAccessSettings reorderUsernames toggleUsername updateStarRefProgram",
    channels: `
      convertToGigagroup deactivateAllUsernames deleteChannel deleteHistory deleteParticipantHistory editAdmin
      reorderUsernames toggleUsername updatePaidMessagesPrice updateUsername`,
    contacts: "deleteByPhones deleteContacts resetSaved",
    help: "acceptTermsOfService editUserInfo",
    messages: `
      acceptUrlAuth checkUrlAuthMatchCode declineUrlAuth deleteChat deleteHistory deletePhoneCallHistory
      deleteSavedHistory deleteTopicHistory editChatAdmin getEmojiURL requestUrlAuth sendPaidReaction
      setBotPrecheckoutResults setBotShippingResults`,
    payments: `
      applyGiftCode assignAppStoreTransaction assignPlayMarketTransaction botCancelStarsSubscription
      changeStarsSubscription clearSavedInfo connectStarRefBot convertStarGift craftStarGift
      createStarGiftCollection deleteStarGiftCollection editConnectedStarRefBot exportInvoice
      fulfillStarsSubscription getBankCardData getPaymentForm getPaymentReceipt getSavedInfo
      getStarsRevenueAdsAccountUrl launchPrepaidGiveaway refundStarsCharge reorderStarGiftCollections
      resolveStarGiftOffer saveStarGift sendPaymentForm sendStarGiftOffer sendStarsForm
      toggleChatStarGiftNotifications toggleStarGiftsPinnedToTop transferStarGift updateStarGiftCollection
      updateStarGiftPrice upgradeStarGift validateRequestedInfo`,
    phone: "getGroupCallStreamRtmpUrl",
    smsjobs: "finishJob getSmsJob getStatus isEligibleToJoin join leave updateSettings",
    users: "setSecureValueErrors",
  },
  nobody: {
    account: `
      acceptAuthorization cancelPasswordEmail changePhone confirmPasswordEmail deleteAccount deletePasskey
      getPasswordSettings getTmpPassword initPasskeyRegistration invalidateSignInCodes registerDevice
      registerPasskey resendPasswordEmail resetAuthorization resetPassword sendChangePhoneCode
      sendVerifyEmailCode setAuthorizationTTL updatePasswordSettings verifyEmail`,
    bots: "exportBotToken invokeWebViewCustomMethod",
    channels: "editCreator",
    messages: `
      composeMessageWithAI composeRichMessageWithAI editChatCreator summarizeText translateRichMessage
      translateText`,
    payments: "getStarGiftWithdrawalUrl getStarsRevenueWithdrawalUrl",
    stats: "getBroadcastRevenueWithdrawalUrl",
  },
} as const;
